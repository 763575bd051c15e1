;; world: split
;; Says something that is no JSON.
(@custom "millrace:descriptor" "{name: split")
