;; world: split
;; Says nothing of itself.
;; no descriptor
