;; world: split
;; Never gets through its start function.
(func $forever (loop $again (br $again)))
(start $forever)
