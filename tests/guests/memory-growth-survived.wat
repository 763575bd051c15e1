;; world: split
;; Asks for too much memory, is refused, and goes on with what it has.
(func (export "millrace:processor/splitter@0.1.0#[method]task.assign") (param $self i32) (param $batch i32) (result i32) 
  (drop (memory.grow (i32.const 60000))) (call $release (local.get $batch)) (i32.store (i32.const 2048) (i32.const 0)) (i32.store (i32.const 2052) (i32.const 256)) (i32.store (i32.const 2056) (i32.const 6)) (i32.const 2048))
