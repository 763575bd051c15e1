;; world: split
;; A descriptor with a field that does not exist.
(@custom "millrace:descriptor" "{\"name\":\"x\",\"version\":\"1.0.0\",\"description\":\"\",\"params_schema\":{},\"rights\":\"all\"}")
