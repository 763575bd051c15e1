;; world: transform
;; Plans one output with a vector column.
(data (i32.const 3000) "o")(data (i32.const 3002) "c")
(func (export "millrace:processor/descriptor@0.1.0#plan") (param i32 i32 i32 i32) (result i32)
  (i32.store (i32.const 3200) (i32.const 3000)) (i32.store (i32.const 3204) (i32.const 1)) (i32.store (i32.const 3208) (i32.const 3400)) (i32.store (i32.const 3212) (i32.const 1)) (i32.store (i32.const 3216) (i32.const 0)) (i32.store (i32.const 3220) (i32.const 0)) (i32.store (i32.const 3400) (i32.const 3002)) (i32.store (i32.const 3404) (i32.const 1)) (i32.store (i32.const 3408) (i32.const 11)) (i32.store (i32.const 3412) (i32.const 4)) (i32.store (i32.const 3416) (i32.const 0)) (i32.store (i32.const 3420) (i32.const 0)) (i32.store (i32.const 3424) (i32.const 0)) (i32.store (i32.const 2052) (i32.const 3200)) (i32.store (i32.const 2056) (i32.const 1)) (i32.const 2048))
