;; world: aggregate
;; Opens a side input that was not given: none, no error.
(import "millrace:processor/context@0.1.0" "open-side-input" (func $open-side-input (param i32 i32 i32)))
(data (i32.const 3000) "model/y")
(func (export "millrace:processor/aggregator@0.1.0#[method]state.update") (param $self i32) (param $batch i32) (result i32) 
  (call $open-side-input (i32.const 3000) (i32.const 7) (i32.const 3100)) (if (i32.load (i32.const 3104)) (then unreachable)) (call $release (local.get $batch)) (i32.const 256))
