;; world: split
;; Reports the same row twice and keeps it all the same.
(import "millrace:processor/context@0.1.0" "bad-row" (func $bad-row (param i32 i32 i32)))
(data (i32.const 3000) "firstsecond")
(func (export "millrace:processor/splitter@0.1.0#[method]task.assign") (param $self i32) (param $batch i32) (result i32) 
  (call $bad-row (i32.const 1) (i32.const 3000) (i32.const 5)) (call $bad-row (i32.const 1) (i32.const 3005) (i32.const 6)) (call $release (local.get $batch)) (i32.store (i32.const 2048) (i32.const 0)) (i32.store (i32.const 2052) (i32.const 3100)) (i32.store (i32.const 2056) (i32.const 6)) (i32.const 2048))
