;; world: split
;; Reports a row that the batch does not have.
(import "millrace:processor/context@0.1.0" "bad-row" (func $bad-row (param i32 i32 i32)))
(func (export "millrace:processor/splitter@0.1.0#[method]task.assign") (param $self i32) (param $batch i32) (result i32) 
  (call $bad-row (i32.const 3) (i32.const 3000) (i32.const 0)) unreachable)
