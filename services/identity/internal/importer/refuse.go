package importer

import (
	"errors"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/imports"
	"kontor.internal/services/identity/internal/user"
)

// refuseInvalid tells what Validate found.
func refuseInvalid(err error) (*user.User, *imports.Result) {
	res := imports.Refuse("", "USER_INVALID", err.Error())
	var e *apperr.Error
	if errors.As(err, &e) {
		res = imports.Refuse("", e.Reason, e.Msg)
		if len(e.Fields) > 0 {
			res = imports.Refuse(e.Fields[0].Field, e.Reason, e.Msg+": "+e.Fields[0].Description)
		}
	}
	return nil, &res
}
