package attest

// profileSelf is the EAT profile of what a device says of itself.
const profileSelf = "urn:uuid:4b20875d-839b-4eab-a8f9-fdf0a4ed7571"

// verifySelf checks a statement of format self. Signed by a key that we know to
// be the device's it is T1; a key that vouches for itself proves nothing, T0.
func verifySelf(s *statement, binding Binding, keys Keys) (*Claims, error) {
	if err := s.claims.absent(keyIss, keyMethod, keyCSR); err != nil {
		return nil, err
	}
	c, err := s.claims.readCommon(profileSelf)
	if err != nil {
		return nil, err
	}
	if c.claims.Debug == nil {
		return nil, missing(keyDebug)
	}
	key, known := keys.Self, true
	c.claims.Tier = "T1"
	if key == nil {
		key, known = keys.CSRKey, false
		c.claims.Tier = "T0"
	}
	if err := s.cose.verify(key); err != nil {
		return nil, err
	}
	if err := c.bind(binding, known); err != nil {
		return nil, err
	}
	return &c.claims, nil
}
