;; world: transform
;; Writes to a handle that it never got.
(import "millrace:processor/data@0.1.0" "[method]output.forward" (func $forward (param i32 i32 i32)))
(func (export "millrace:processor/transformer@0.1.0#[method]task.process") (param $self i32) (param $batch i32) (result i32) 
  (call $forward (i32.const 777) (local.get $batch) (i32.const 2048)) unreachable)
