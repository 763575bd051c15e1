;; world: split
;; Answers with a variant that does not exist.
(func (export "millrace:processor/splitter@0.1.0#[method]task.assign") (param $self i32) (param $batch i32) (result i32) 
  (call $release (local.get $batch)) (i32.store (i32.const 2048) (i32.const 7)) (i32.store (i32.const 2052) (i32.const 0)) (i32.store (i32.const 2056) (i32.const 0)) (i32.const 2048))
