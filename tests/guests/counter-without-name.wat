;; world: split
;; Counts something that has no name.
(import "millrace:processor/context@0.1.0" "counter" (func $counter (param i32 i32 i64)))
(func (export "millrace:processor/splitter@0.1.0#[method]task.assign") (param $self i32) (param $batch i32) (result i32) 
  (call $counter (i32.const 3000) (i32.const 0) (i64.const 1)) unreachable)
