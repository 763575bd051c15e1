;; world: transform
;; Plans an output outside its run.
(data (i32.const 3000) "..")
(func (export "millrace:processor/descriptor@0.1.0#plan") (param i32 i32 i32 i32) (result i32)
  (i32.store (i32.const 3200) (i32.const 3000)) (i32.store (i32.const 3204) (i32.const 2)) (i32.store (i32.const 3208) (i32.const 3400)) (i32.store (i32.const 3212) (i32.const 0)) (i32.store (i32.const 3216) (i32.const 0)) (i32.store (i32.const 3220) (i32.const 0)) (i32.store (i32.const 2052) (i32.const 3200)) (i32.store (i32.const 2056) (i32.const 1)) (i32.const 2048))
