;; world: split
;; Opens a side input again and again and drops none.
(import "millrace:processor/context@0.1.0" "open-side-input" (func $open-side-input (param i32 i32 i32)))
(data (i32.const 3000) "model/x")
(func (export "millrace:processor/splitter@0.1.0#[method]task.assign") (param $self i32) (param $batch i32) (result i32) 
  (loop $more (call $open-side-input (i32.const 3000) (i32.const 7) (i32.const 3100)) (br $more)) unreachable)
