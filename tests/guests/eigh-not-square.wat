;; world: aggregate
;; The eigenvalues of a matrix of another size than it says.
(import "millrace:processor/kernels@0.1.0" "eigh" (func $eigh (param i32 i32 i32 i32)))
(func (export "millrace:processor/aggregator@0.1.0#[method]state.update") (param $self i32) (param $batch i32) (result i32) 
  (call $eigh (i32.const 3000) (i32.const 16) (i32.const 3) (i32.const 3100)) unreachable)
