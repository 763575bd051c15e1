;; world: transform
;; Opens the same output and keeps every handle.
(import "millrace:processor/context@0.1.0" "open-output" (func $open-output (param i32 i32 i32 i32 i32 i32 i32 i32)))
(func (export "millrace:processor/transformer@0.1.0#[method]task.process") (param $self i32) (param $batch i32) (result i32) 
  (loop $more (call $open-output (i32.const 520) (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 2200)) (br $more)) unreachable)
