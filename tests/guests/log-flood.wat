;; world: split
;; Logs 50,000 lines of 1,000 bytes.
(import "millrace:processor/context@0.1.0" "log" (func $log (param i32 i32 i32)))
(memory (export "memory") 4)
(func (export "millrace:processor/splitter@0.1.0#[method]task.assign") (param $self i32) (param $batch i32) (result i32) (local $n i32)
  (loop $more (call $log (i32.const 2) (i32.const 70000) (i32.const 1000)) (local.set $n (i32.add (local.get $n) (i32.const 1))) (br_if $more (i32.lt_u (local.get $n) (i32.const 50000)))) (call $release (local.get $batch)) (i32.store (i32.const 2048) (i32.const 0)) (i32.store (i32.const 2052) (i32.const 3000)) (i32.store (i32.const 2056) (i32.const 6)) (i32.const 2048))
