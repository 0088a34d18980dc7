package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// ticksPerSecond is USER_HZ: the unit of /proc/PID/stat on every Linux port
// that Go knows.
const ticksPerSecond = 100

// processCPU is the user and system time that a process has used, of all its
// threads, ended ones too. Its grain is 10 ms: measure over a second at least.
func processCPU(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, failPID(pid, err)
	}
	// The command's name stands in parentheses and may hold anything.
	end := strings.LastIndexByte(string(text), ')')
	fields := strings.Fields(string(text[end+1:]))
	const user, system = 14 - 3, 15 - 3 // proc(5) counts from 1; the state is the third
	if end < 0 || len(fields) <= system {
		return 0, failPID(pid, errors.New("its stat is not as proc(5) says"))
	}
	var ticks uint64
	for _, field := range []string{fields[user], fields[system]} {
		n, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			return 0, failPID(pid, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond, nil
}

// verifyCost is v: the CPU time of one ecdsa.VerifyASN1 with P-256, averaged
// over a run on one thread.
func verifyCost() (time.Duration, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return 0, fmt.Errorf("make a key: %w", err)
	}
	digest := sha256.Sum256([]byte("assay bench"))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		return 0, fmt.Errorf("sign: %w", err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began, err := threadCPU()
	if err != nil {
		return 0, err
	}
	for range verifySamples {
		if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature) {
			return 0, errors.New("a signature just made does not verify")
		}
	}
	ended, err := threadCPU()
	if err != nil {
		return 0, err
	}
	return (ended - began) / verifySamples, nil
}
