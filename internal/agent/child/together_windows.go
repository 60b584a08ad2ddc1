package child

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

// KeepTogether lets everything that this process starts from now on end with it,
// however it ends, but for what is started to break away (CREATE_BREAKAWAY_FROM_JOB).
// It is called once.
func KeepTogether() error {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return fmt.Errorf("make a job: %w", err)
	}
	// The handle stays open as long as this process: the system ends the job with it.
	limits := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{}
	limits.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | windows.JOB_OBJECT_LIMIT_BREAKAWAY_OK
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits)))
	if err != nil {
		return fmt.Errorf("set the limits of a job: %w", err)
	}
	if err := windows.AssignProcessToJobObject(job, windows.CurrentProcess()); err != nil {
		return fmt.Errorf("join a job: %w", err)
	}
	return nil
}
