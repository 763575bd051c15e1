;; world: split
;; The host prelude alone: every row goes to the first of two outputs.

