// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

/// @title A token with every bad habit, each off until it is asked for
contract OddToken is ERC3009 {
    enum Answer {
        True,
        False,
        Nothing,
        Short
    }

    /// @notice How much of each transfer goes elsewhere.
    uint256 public fee;
    /// @notice What transfer and transferFrom return.
    Answer public answer;
    /// @notice Whether transfers move nothing at all.
    bool public idle;
    /// @notice Who may neither send nor get.
    mapping(address => bool) public refused;
    /// @notice A call made in the middle of the next transfer, and how it ended.
    address public hook;
    bytes public hookData;
    bool public hookOk;
    bytes public hookAnswer;

    constructor() ERC20("USD Coin", "USDC") EIP712("USD Coin", "2") {}

    function decimals() public pure override returns (uint8) {
        return 6;
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function setFee(uint256 fee_) external {
        fee = fee_;
    }

    function setAnswer(Answer answer_) external {
        answer = answer_;
    }

    function setIdle(bool idle_) external {
        idle = idle_;
    }

    function refuse(address who, bool yes) external {
        refused[who] = yes;
    }

    function setHook(address target, bytes calldata data) external {
        hook = target;
        hookData = data;
        hookOk = false;
        hookAnswer = "";
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        super.transfer(to, amount);
        return _answer();
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        super.transferFrom(from, to, amount);
        return _answer();
    }

    function _answer() private view returns (bool) {
        if (answer == Answer.Nothing) {
            assembly {
                return(0, 0)
            }
        }
        if (answer == Answer.Short) {
            assembly {
                mstore(0, shl(248, 1))
                return(0, 1)
            }
        }
        return answer == Answer.True;
    }

    function _update(address from, address to, uint256 amount) internal override {
        require(!refused[from] && !refused[to], "refused");
        if (idle) return;
        if (fee > 0 && from != address(0)) {
            super._update(from, address(0xfee), fee);
            amount -= fee;
        }
        super._update(from, to, amount);
        if (hook != address(0)) {
            address target = hook;
            hook = address(0);
            (hookOk, hookAnswer) = target.call(hookData);
        }
    }
}

/// @title A proxy before a token, as the real USDC has one
contract ProxyToken is ERC1967Proxy {
    constructor(address token) ERC1967Proxy(token, abi.encodeCall(ERC20.decimals, ())) {}
}
