package webpush

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"hapi/internal/wire"
)

const (
	saltBytes  = 16
	authBytes  = 16
	recordSize = 4096 // what every push service takes
	// lastRecord ends the text of the only record.
	lastRecord = 2
	// overhead is what a message grows by: header, delimiter, tag.
	overhead = saltBytes + 4 + 1 + 65 + 1 + 16
)

// MaxBody is how large a message may be.
const MaxBody = recordSize - overhead

var errBadKeys = errors.New("the subscription's keys are not those of a browser")

// CheckKeys says whether messages can be encrypted for a browser.
func CheckKeys(k wire.PushKeys) error {
	_, _, err := readKeys(k)
	return err
}

func readKeys(k wire.PushKeys) (*ecdh.PublicKey, []byte, error) {
	point, err := decode(k.P256dh)
	if err != nil {
		return nil, nil, errBadKeys
	}
	auth, err := decode(k.Auth)
	if err != nil || len(auth) != authBytes {
		return nil, nil, errBadKeys
	}
	browser, err := ecdh.P256().NewPublicKey(point)
	if err != nil {
		return nil, nil, errBadKeys
	}
	return browser, auth, nil
}

// decode reads base64 of either alphabet, padded or not, as browsers differ.
func decode(text string) ([]byte, error) {
	text = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(text, "="))
	return base64.RawURLEncoding.DecodeString(text)
}

// encrypt makes a message that only the browser can read (RFC 8291).
func encrypt(text []byte, keys wire.PushKeys) ([]byte, error) {
	if len(text) > MaxBody {
		return nil, fmt.Errorf("the message has %d bytes, of %d that fit", len(text), MaxBody)
	}
	browser, auth, err := readKeys(keys)
	if err != nil {
		return nil, err
	}
	once, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails, see crypto/rand
	return seal(text, browser, auth, once, salt)
}

// seal encrypts by the given key and salt, which are used only once.
func seal(text []byte, browser *ecdh.PublicKey, auth []byte, once *ecdh.PrivateKey, salt []byte) ([]byte, error) {
	shared, err := once.ECDH(browser)
	if err != nil {
		return nil, fmt.Errorf("agree on a key: %w", err)
	}
	ours := once.PublicKey().Bytes()
	secret, err := hkdf.Key(sha256.New, shared, auth, "WebPush: info\x00"+string(browser.Bytes())+string(ours), 32)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	key, err := hkdf.Key(sha256.New, secret, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	nonce, err := hkdf.Key(sha256.New, secret, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, fmt.Errorf("derive a nonce: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make a cipher: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("make a cipher: %w", err)
	}
	out := make([]byte, 0, overhead+len(text))
	out = append(out, salt...)
	out = binary.BigEndian.AppendUint32(out, recordSize)
	out = append(out, byte(len(ours)))
	out = append(out, ours...)
	plain := append(append(make([]byte, 0, len(text)+1), text...), lastRecord)
	return gcm.Seal(out, nonce, plain, nil), nil
}

func signingKey(raw []byte) (*ecdsa.PrivateKey, error) {
	return ecdsa.ParseRawPrivateKey(elliptic.P256(), raw)
}
