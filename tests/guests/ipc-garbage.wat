;; world: transform
;; Writes what is no Arrow IPC stream.
(import "millrace:processor/context@0.1.0" "open-output" (func $open-output (param i32 i32 i32 i32 i32 i32 i32 i32)))
(import "millrace:processor/data@0.1.0" "[method]output.write-ipc" (func $write-ipc (param i32 i32 i32 i32)))
(data (i32.const 3000) "\ff\ff\ff\ff\ff\ff\ff\7f garbage")
(func (export "millrace:processor/transformer@0.1.0#[method]task.process") (param $self i32) (param $batch i32) (result i32) (local $out i32)
  (call $open-output (i32.const 520) (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 2200)) (local.set $out (i32.load (i32.const 2204))) (call $write-ipc (local.get $out) (i32.const 3000) (i32.const 16) (i32.const 2048)) unreachable)
