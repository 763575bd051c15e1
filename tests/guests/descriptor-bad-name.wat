;; world: split
;; A name that would be a path.
(@custom "millrace:descriptor" "{\"name\":\"../x\",\"version\":\"1.0.0\",\"description\":\"\",\"params_schema\":{}}")
