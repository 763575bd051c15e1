;; world: aggregate
;; A partial state of 2 MB.
(memory (export "memory") 64)
(func (export "millrace:processor/aggregator@0.1.0#[method]state.partial") (param $self i32) (result i32)
  (i32.store (i32.const 2048) (i32.const 0)) (i32.store (i32.const 2052) (i32.const 65536)) (i32.store (i32.const 2056) (i32.const 2000000)) (i32.const 2048))
