;; world: split
;; Begins with a table that is too large.
(table $t 300000 funcref)
