;; world: split
;; Asks for rows that are not there, near the end of the numbers.
(import "millrace:processor/data@0.1.0" "[method]batch.slice" (func $slice (param i32 i32 i32 i32 i32)))
(func (export "millrace:processor/splitter@0.1.0#[method]task.assign") (param $self i32) (param $batch i32) (result i32) 
  (call $slice (local.get $batch) (i32.const 0) (i32.const -1) (i32.const 5) (i32.const 3000)) unreachable)
