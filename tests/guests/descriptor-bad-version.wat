;; world: split
;; A version that is none.
(@custom "millrace:descriptor" "{\"name\":\"x\",\"version\":\"new\",\"description\":\"\",\"params_schema\":{}}")
