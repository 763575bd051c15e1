;; world: split
;; An output with a NUL in its name.
(data (i32.const 3000) "a\00b")
(func (export "millrace:processor/splitter@0.1.0#[method]task.outputs") (param $self i32) (result i32)
  (i32.store (i32.const 2060) (i32.const 3000)) (i32.store (i32.const 2064) (i32.const 3)) (i32.store (i32.const 2048) (i32.const 0)) (i32.store (i32.const 2052) (i32.const 2060)) (i32.store (i32.const 2056) (i32.const 1)) (i32.const 2048))
