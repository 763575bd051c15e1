;; world: aggregate
;; Two model files of one name.
(data (i32.const 3000) "m")
(func (export "millrace:processor/aggregator@0.1.0#[method]state.finalize") (param $self i32) (result i32)
  (i32.store (i32.const 2080) (i32.const 3000)) (i32.store (i32.const 2084) (i32.const 1)) (i32.store (i32.const 2088) (i32.const 3000)) (i32.store (i32.const 2092) (i32.const 1)) (i32.store (i32.const 2096) (i32.const 3000)) (i32.store (i32.const 2100) (i32.const 1)) (i32.store (i32.const 2104) (i32.const 3000)) (i32.store (i32.const 2108) (i32.const 1)) (i32.store (i32.const 2048) (i32.const 0)) (i32.store (i32.const 2052) (i32.const 2080)) (i32.store (i32.const 2056) (i32.const 2)) (i32.const 2048))
