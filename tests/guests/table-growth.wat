;; world: split
;; Grows a table without end.
(table $t 1 funcref)
(func (export "millrace:processor/splitter@0.1.0#[method]task.assign") (param $self i32) (param $batch i32) (result i32) 
  (loop $more (br_if $more (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1)))) unreachable)
