;; world: aggregate
;; The eigenvalues of a matrix with a NaN.
(import "millrace:processor/kernels@0.1.0" "eigh" (func $eigh (param i32 i32 i32 i32)))
(data (i32.const 3000) "\ff\ff\ff\ff\ff\ff\ff\7f")
(func (export "millrace:processor/aggregator@0.1.0#[method]state.update") (param $self i32) (param $batch i32) (result i32) 
  (call $eigh (i32.const 3000) (i32.const 8) (i32.const 1) (i32.const 3100)) unreachable)
