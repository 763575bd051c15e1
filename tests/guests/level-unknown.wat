;; world: split
;; Logs at a level that does not exist.
(import "millrace:processor/context@0.1.0" "log" (func $log (param i32 i32 i32)))
(func (export "millrace:processor/splitter@0.1.0#[method]task.assign") (param $self i32) (param $batch i32) (result i32) 
  (call $log (i32.const 99) (i32.const 3000) (i32.const 0)) unreachable)
