;; world: split
;; Counts beyond 64 bits.
(import "millrace:processor/context@0.1.0" "counter" (func $counter (param i32 i32 i64)))
(data (i32.const 3000) "n")
(func (export "millrace:processor/splitter@0.1.0#[method]task.assign") (param $self i32) (param $batch i32) (result i32) 
  (call $counter (i32.const 3000) (i32.const 1) (i64.const -1)) (call $counter (i32.const 3000) (i32.const 1) (i64.const 5)) (call $release (local.get $batch)) (i32.store (i32.const 2048) (i32.const 0)) (i32.store (i32.const 2052) (i32.const 3100)) (i32.store (i32.const 2056) (i32.const 6)) (i32.const 2048))
