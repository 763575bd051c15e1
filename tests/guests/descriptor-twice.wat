;; world: split
;; Two descriptors that differ.
(@custom "millrace:descriptor" "{}")
(@custom "millrace:descriptor" "[]")
