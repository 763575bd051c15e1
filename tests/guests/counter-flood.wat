;; world: split
;; Makes up counters without end: c plus a number of four bytes.
(import "millrace:processor/context@0.1.0" "counter" (func $counter (param i32 i32 i64)))
(data (i32.const 3000) "caaaa")
(func (export "millrace:processor/splitter@0.1.0#[method]task.assign") (param $self i32) (param $batch i32) (result i32) (local $n i32)
  (loop $more (i32.store (i32.const 3001) (i32.add (i32.const 0x30303030) (i32.or (i32.and (local.get $n) (i32.const 7)) (i32.or (i32.shl (i32.and (local.get $n) (i32.const 0x38)) (i32.const 5)) (i32.or (i32.shl (i32.and (local.get $n) (i32.const 0x1c0)) (i32.const 10)) (i32.shl (i32.and (local.get $n) (i32.const 0xe00)) (i32.const 15))))))) (call $counter (i32.const 3000) (i32.const 5) (i64.const 1)) (local.set $n (i32.add (local.get $n) (i32.const 1))) (br $more)) unreachable)
