;; world: split
;; Calls itself for ever.
(func $deeper (result i32) (i32.add (i32.const 1) (call $deeper)))
(func (export "millrace:processor/splitter@0.1.0#[method]task.assign") (param $self i32) (param $batch i32) (result i32) 
  (call $deeper))
