;; world: transform
;; Uses the batch as if it were an output.
(import "millrace:processor/data@0.1.0" "[method]output.forward" (func $forward (param i32 i32 i32)))
(func (export "millrace:processor/transformer@0.1.0#[method]task.process") (param $self i32) (param $batch i32) (result i32) 
  (call $forward (local.get $batch) (local.get $batch) (i32.const 2048)) unreachable)
