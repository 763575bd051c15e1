;; world: aggregate
;; Never returns from merge.
(func (export "millrace:processor/aggregator@0.1.0#[method]state.merge") (param i32 i32 i32) (result i32) (loop $again (br $again)) unreachable)
