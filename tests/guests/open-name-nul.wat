;; world: transform
;; Opens an output with a NUL in its name.
(import "millrace:processor/context@0.1.0" "open-output" (func $open-output (param i32 i32 i32 i32 i32 i32 i32 i32)))
(data (i32.const 3000) "o\00t")
(func (export "millrace:processor/transformer@0.1.0#[method]task.process") (param $self i32) (param $batch i32) (result i32) 
  (call $open-output (i32.const 3000) (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 2200)) unreachable)
