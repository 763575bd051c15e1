;; world: transform
;; Opens an output that the plan does not name.
(import "millrace:processor/context@0.1.0" "open-output" (func $open-output (param i32 i32 i32 i32 i32 i32 i32 i32)))
(data (i32.const 3000) "other")
(func (export "millrace:processor/transformer@0.1.0#[method]task.process") (param $self i32) (param $batch i32) (result i32) 
  (call $open-output (i32.const 3000) (i32.const 5) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 2200)) unreachable)
