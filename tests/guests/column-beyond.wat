;; world: split
;; Asks for a column that is not there.
(import "millrace:processor/data@0.1.0" "[method]batch.column" (func $column (param i32 i32 i32)))
(func (export "millrace:processor/splitter@0.1.0#[method]task.assign") (param $self i32) (param $batch i32) (result i32) 
  (call $column (local.get $batch) (i32.const 99) (i32.const 3000)) unreachable)
