;; world: transform
;; Adds a column that the plan does not have.
(import "millrace:processor/context@0.1.0" "open-output" (func $open-output (param i32 i32 i32 i32 i32 i32 i32 i32)))
(import "millrace:processor/data@0.1.0" "[method]output.with-columns" (func $with-columns (param i32 i32 i32 i32 i32)))
(data (i32.const 3000) "zzz")
(func (export "millrace:processor/transformer@0.1.0#[method]task.process") (param $self i32) (param $batch i32) (result i32) (local $out i32)
  (call $open-output (i32.const 520) (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 2200)) (local.set $out (i32.load (i32.const 2204))) (i32.store (i32.const 2300) (i32.const 3000)) (i32.store (i32.const 2304) (i32.const 3)) (i32.store (i32.const 2308) (i32.const 3100)) (i32.store (i32.const 2312) (i32.const 12)) (i32.store (i32.const 2316) (i32.const 0)) (i32.store (i32.const 2320) (i32.const 0)) (i32.store (i32.const 2324) (i32.const 0)) (i32.store (i32.const 2328) (i32.const 0)) (i32.store (i32.const 2332) (i32.const 0)) (i32.store (i32.const 2336) (i32.const 0)) (call $with-columns (local.get $out) (local.get $batch) (i32.const 2300) (i32.const 1) (i32.const 2048)) unreachable)
