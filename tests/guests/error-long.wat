;; world: split
;; An error of half a megabyte.
(memory (export "memory") 16)
(func (export "millrace:processor/splitter@0.1.0#[method]task.assign") (param $self i32) (param $batch i32) (result i32) 
  (call $release (local.get $batch)) (i32.store (i32.const 2048) (i32.const 1)) (i32.store (i32.const 2052) (i32.const 5)) (i32.store (i32.const 2056) (i32.const 65536)) (i32.store (i32.const 2060) (i32.const 500000)) (i32.const 2048))
