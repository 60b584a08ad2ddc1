module hapi

go 1.26
