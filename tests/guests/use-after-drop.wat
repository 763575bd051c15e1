;; world: transform
;; Writes to an output after it has dropped it.
(import "millrace:processor/context@0.1.0" "open-output" (func $open-output (param i32 i32 i32 i32 i32 i32 i32 i32)))
(import "millrace:processor/data@0.1.0" "[method]output.forward" (func $forward (param i32 i32 i32)))
(import "millrace:processor/data@0.1.0" "[resource-drop]output" (func $drop-output (param i32)))
(func (export "millrace:processor/transformer@0.1.0#[method]task.process") (param $self i32) (param $batch i32) (result i32) (local $out i32)
  (call $open-output (i32.const 520) (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 2200)) (local.set $out (i32.load (i32.const 2204))) (call $drop-output (local.get $out)) (call $forward (local.get $out) (local.get $batch) (i32.const 2048)) unreachable)
