;; world: aggregate
;; A kernel for a column that is not there; passes the error on.
(import "millrace:processor/kernels@0.1.0" "[constructor]moments" (func $moments (param i32 i32 i32 i32) (result i32)))
(import "millrace:processor/kernels@0.1.0" "[method]moments.add" (func $moments-add (param i32 i32 i32)))
(data (i32.const 3000) "\c0\0b\00\00\04\00\00\00nope")
(data (i32.const 3008) "nope")
(func (export "millrace:processor/aggregator@0.1.0#[method]state.update") (param $self i32) (param $batch i32) (result i32) 
  (call $moments-add (call $moments (i32.const 3000) (i32.const 1) (i32.const 3100) (i32.const 8)) (local.get $batch) (i32.const 2048)) (call $release (local.get $batch)) (i32.const 2048))
