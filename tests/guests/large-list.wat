;; world: split
;; Answers with more bytes than it may hand over in one call.
(memory (export "memory") 64)
(func (export "millrace:processor/splitter@0.1.0#[method]task.assign") (param $self i32) (param $batch i32) (result i32) 
  (call $release (local.get $batch)) (i32.store (i32.const 2048) (i32.const 0)) (i32.store (i32.const 2052) (i32.const 65536)) (i32.store (i32.const 2056) (i32.const 3000000)) (i32.const 2048))
