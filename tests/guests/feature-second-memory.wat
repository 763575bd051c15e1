;; world: split
;; Has two memories.
(memory $second 1)
(memory (export "memory") 1)
