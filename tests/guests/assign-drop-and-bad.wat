;; world: split
;; Drops the first row, calls the second bad, keeps the third.
(data (i32.const 3000) "\ff\ff\fe\ff\01\00")
(func (export "millrace:processor/splitter@0.1.0#[method]task.assign") (param $self i32) (param $batch i32) (result i32) 
  (call $release (local.get $batch)) (i32.store (i32.const 2048) (i32.const 0)) (i32.store (i32.const 2052) (i32.const 3000)) (i32.store (i32.const 2056) (i32.const 6)) (i32.const 2048))
