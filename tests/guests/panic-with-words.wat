;; world: split
;; Logs why, then crashes, as the SDK's panic hook does.
(import "millrace:processor/context@0.1.0" "log" (func $log (param i32 i32 i32)))
(data (i32.const 3000) "index 7 out of range")
(func (export "millrace:processor/splitter@0.1.0#[method]task.assign") (param $self i32) (param $batch i32) (result i32) 
  (call $log (i32.const 4) (i32.const 3000) (i32.const 20)) unreachable)
