-- A flood of changes of one user: each PATCH sets another title.
local count = 0
request = function()
  count = count + 1
  local body = '{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],'
    .. '"Operations":[{"op":"replace","path":"title","value":"t' .. count .. '"}]}'
  return wrk.format("PATCH", nil, nil, body)
end
