;; world: split
;; Refuses its parameters.
(data (i32.const 3000) "/sizesmissing")
(data (i32.const 3100) "\b8\0b\00\00\06\00\00\00\be\0b\00\00\07\00\00\00")
(func (export "millrace:processor/splitter@0.1.0#[static]task.open") (result i32)
  (i32.store (i32.const 2048) (i32.const 1)) (i32.store (i32.const 2052) (i32.const 0)) (i32.store (i32.const 2056) (i32.const 3100)) (i32.store (i32.const 2060) (i32.const 1)) (i32.const 2048))
