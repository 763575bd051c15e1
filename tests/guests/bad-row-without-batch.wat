;; world: split
;; Reports a bad row before it has seen any.
(import "millrace:processor/context@0.1.0" "bad-row" (func $bad-row (param i32 i32 i32)))
(func (export "millrace:processor/splitter@0.1.0#[static]task.open") (result i32)
  (call $bad-row (i32.const 0) (i32.const 3000) (i32.const 0)) unreachable)
