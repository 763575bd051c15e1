;; world: transform
;; Plans two outputs of one name.
(data (i32.const 3000) "o")(data (i32.const 3002) "o")
(func (export "millrace:processor/descriptor@0.1.0#plan") (param i32 i32 i32 i32) (result i32)
  (i32.store (i32.const 3200) (i32.const 3000)) (i32.store (i32.const 3204) (i32.const 1)) (i32.store (i32.const 3208) (i32.const 3400)) (i32.store (i32.const 3212) (i32.const 0)) (i32.store (i32.const 3216) (i32.const 0)) (i32.store (i32.const 3220) (i32.const 0)) (i32.store (i32.const 3224) (i32.const 3002)) (i32.store (i32.const 3228) (i32.const 1)) (i32.store (i32.const 3232) (i32.const 3400)) (i32.store (i32.const 3236) (i32.const 0)) (i32.store (i32.const 3240) (i32.const 0)) (i32.store (i32.const 3244) (i32.const 0)) (i32.store (i32.const 2052) (i32.const 3200)) (i32.store (i32.const 2056) (i32.const 2)) (i32.const 2048))
